"""The programs. bootstrap alone knows every adapter's name; cli/ alone prints."""
