"""Ask a folder of articles; every sentence of the answer points to the paragraph it came from."""
