"""An engine that is a program of its own, in any language: it speaks JSON, line by line."""
