"""Data lakes: a folder on this machine, or a bucket of an S3-compatible server; no object is overwritten."""
