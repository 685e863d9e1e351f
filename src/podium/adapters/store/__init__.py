"""Where runs are kept: journals and output blobs."""
