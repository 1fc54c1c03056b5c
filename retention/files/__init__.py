"""Files and objects: listed, looked at again, removed. Local ones by descriptors, others by fsspec."""
