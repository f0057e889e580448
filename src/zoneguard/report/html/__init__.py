"""The report as one HTML file: for the screen, the phone and A4 paper, with nothing loaded and no script."""

from zoneguard.report.html.page import render_html

__all__ = ["render_html"]
