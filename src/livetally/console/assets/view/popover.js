/**
 * Opens a panel beside the button that asks for it.
 *
 * In the flow: receives a button and a panel with the `popover` attribute from the pickers, places the panel.
 * Guarantee: the panel lies wholly inside the window; the browser closes it on Escape or a click elsewhere,
 * and puts it above everything without a number for its height.
 */

const GAP_PX = 4;
const EDGE_PX = 8;

/**
 * Open `panel` under `button`, or above it where there is more room.
 * @param {HTMLElement} button
 * @param {HTMLElement} panel
 */
export function openBeside(button, panel) {
  panel.showPopover();
  const from = button.getBoundingClientRect();
  const size = panel.getBoundingClientRect();
  const below = window.innerHeight - from.bottom;
  const above = below < size.height + GAP_PX && from.top > below;
  const top = above ? Math.max(EDGE_PX, from.top - size.height - GAP_PX) : from.bottom + GAP_PX;
  const fits = from.left + size.width <= window.innerWidth - EDGE_PX;
  const left = fits ? from.left : Math.min(from.right, window.innerWidth - EDGE_PX) - size.width;
  // Through the object model: a style attribute would break the content security policy.
  panel.style.setProperty('top', `${Math.round(top)}px`);
  panel.style.setProperty('left', `${Math.round(Math.max(EDGE_PX, left))}px`);
}
