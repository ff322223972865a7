"""Pictures of derivatives; matplotlib is imported when one is drawn."""

from derivkit.plot.pictures import (
    plot_convergence,
    plot_result,
    plot_samples,
    plot_steps,
    theme,
)

__all__ = ["plot_convergence", "plot_result", "plot_samples", "plot_steps", "theme"]
