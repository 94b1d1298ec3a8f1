"""`Index`, its answers, and what is made of them."""
