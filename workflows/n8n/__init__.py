"""n8n's documents: what a file may be, what is wrong with it, what tells two of them apart."""
