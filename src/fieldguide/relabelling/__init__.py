"""Labels in doubt, looked at one by one on a page of this machine and put right."""
