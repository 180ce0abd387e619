"""The pages of people: signing in, being signed in, signing out."""
