"""The rule language, and what terms compile to; nothing here knows a machine."""
