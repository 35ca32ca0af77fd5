"""The look of stock components: the same tokens that `web/core/base.css` gives the islands, so that both are one.

Neutral greys, because colour on a screen beside a picture changes how the picture looks; one accent; system fonts.
"""

from gradio.themes import Base
from gradio.themes.utils import colors, fonts, sizes

ACCENT = colors.Color(
    name="accent",
    c50="#eef3ff",
    c100="#dde6ff",
    c200="#bfcfff",
    c300="#96b0ff",
    c400="#7396fb",
    c500="#4a74ec",
    c600="#3560d9",
    c700="#2b4fb6",
    c800="#274490",
    c900="#233a73",
    c950="#18264a",
)
GREY = colors.Color(
    name="grey",
    c50="#f7f7f6",
    c100="#efefee",
    c200="#e1e1df",
    c300="#cbcbc8",
    c400="#9c9c99",
    c500="#73736f",
    c600="#565653",
    c700="#3a3a39",
    c800="#262626",
    c900="#1c1c1c",
    c950="#141414",
)
TOKENS = {
    "body_background_fill": "bg",
    "background_fill_primary": "panel",
    "background_fill_secondary": "bg",
    "block_background_fill": "panel",
    "block_border_color": "line",
    "border_color_primary": "line",
    "body_text_color": "text",
    "body_text_color_subdued": "dim",
    "block_label_background_fill": "panel",
    "block_label_text_color": "dim",
    "block_title_text_color": "dim",
    "block_info_text_color": "dim",
    "input_background_fill": "field",
    "input_border_color": "line",
    "input_border_color_focus": "accent",
    "panel_background_fill": "panel",
    "panel_border_color": "line",
    "button_primary_background_fill": "accent-strong",
    "button_primary_background_fill_hover": "accent-hover",
    "button_primary_border_color": "accent-strong",
    "button_secondary_background_fill": "raised",
    "button_secondary_background_fill_hover": "raised-hover",
    "button_secondary_border_color": "line",
    "button_secondary_text_color": "text",
    "slider_color": "accent",
    "checkbox_background_color_selected": "accent-strong",
    "checkbox_border_color_selected": "accent-strong",
    "table_even_background_fill": "panel",
    "table_odd_background_fill": "bg",
}
"""Which token of `web/core/base.css` colours what; they follow dark and light by themselves."""
PLAIN = {
    "button_primary_text_color": "#ffffff",
    "button_primary_text_color_dark": "#ffffff",
    "block_shadow": "none",
    "button_primary_shadow": "none",
    "button_secondary_shadow": "none",
    "block_label_text_weight": "500",
    "block_title_text_weight": "500",
    "block_border_width": "1px",
    "checkbox_label_background_fill": "transparent",
    "checkbox_label_background_fill_dark": "transparent",
}


def theme() -> Base:
    """The studio's theme, dark and light."""
    made = Base(
        primary_hue=ACCENT,
        secondary_hue=ACCENT,
        neutral_hue=GREY,
        text_size=sizes.text_sm,
        spacing_size=sizes.spacing_sm,
        radius_size=sizes.radius_sm,
        font=[fonts.Font("system-ui"), fonts.Font("Segoe UI"), fonts.Font("sans-serif")],
        font_mono=[fonts.Font("ui-monospace"), fonts.Font("monospace")],
    )
    coloured = {f"{name}{mode}": f"var(--f-{token})" for name, token in TOKENS.items() for mode in ("", "_dark")}
    return made.set(**coloured, **PLAIN)
