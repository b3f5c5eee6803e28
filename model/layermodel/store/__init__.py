"""The store machine: layers, images, references, containers and leases."""
