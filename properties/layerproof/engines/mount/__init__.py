"""Union file systems that are mounted: overlayfs, fuse-overlayfs, and a plain folder as the control."""
