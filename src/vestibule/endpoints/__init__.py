"""Every way in: SCIM, the console, health. They identify, open transactions, and put answers into their caller's
form.
"""
