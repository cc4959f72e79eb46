"""What the operator wrote, checked: flags over environment over file, as one immutable `Settings`."""
