"""What commands and files mean to a permission rule: Bash's grammar, programs, equal forms, proposals."""
