"""The doors to lakes, a file for each thing that is done with them."""
