"""Where messages are sent, one file each; every sink delivers whole messages or says that it could not."""
