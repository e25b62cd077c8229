"""Who is at the other end: accounts, passwords, second factors, sign-in and sessions."""
