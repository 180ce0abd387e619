"""The pages for people: sign-in, home page, sign-out."""
