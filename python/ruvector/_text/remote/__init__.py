"""Models on servers, asked over HTTP."""
