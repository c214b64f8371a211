"use strict";
// Buttons that copy. Without a clipboard, as in a page from a folder in some browsers, the text is selected instead.
async function copyText(text, button) {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    const code = button.parentElement.querySelector("code");
    if (code) getSelection().selectAllChildren(code);
    button.textContent = code ? "Selected" : "Not copied";
  }
  setTimeout(() => { button.textContent = before; }, 1500);
}
document.addEventListener("click", (click) => {
  const button = click.target.closest("button[data-copy]");
  if (button) copyText(button.dataset.copy, button);
});
