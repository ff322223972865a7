/* What scrolls by itself can be reached with the keyboard. */
function reachable() {
  document.querySelectorAll("pre, .table-wrapper, div.math").forEach((element) => {
    if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
  });
}
document.addEventListener("DOMContentLoaded", reachable);
window.addEventListener("resize", reachable);
