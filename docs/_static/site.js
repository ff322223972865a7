/* What scrolls by itself can be reached with the keyboard. */
function reachable() {
  document.querySelectorAll("pre, .table-wrapper, div.math").forEach((element) => {
    if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
  });
}
/* A wide picture is small on a phone: it opens alone at a tap, where it can be enlarged. */
function enlargeable() {
  document.querySelectorAll("img.only-light, img.only-dark").forEach((picture) => {
    const link = document.createElement("a");
    link.href = picture.src;
    link.className = picture.className;
    link.setAttribute("aria-label", "Enlarge: " + picture.alt);
    picture.replaceWith(link);
    link.append(picture);
  });
}
document.addEventListener("DOMContentLoaded", enlargeable);
document.addEventListener("DOMContentLoaded", reachable);
window.addEventListener("resize", reachable);
