"""What a notebook shows: tables in HTML, and the plan of a search."""
