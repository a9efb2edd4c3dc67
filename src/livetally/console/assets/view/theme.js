/**
 * Light or dark: the system's preference, or the reader's choice.
 *
 * In the flow: receives a choice from the shell, hands it to the style sheets and to charts, whose canvas must be repainted.
 * Guarantee: the choice is made before the first paint on the next visit (`early.js`).
 */

const STORED = 'livetally.theme';
const prefersDark = window.matchMedia('(prefers-color-scheme: dark)');

/** @typedef {'auto' | 'light' | 'dark'} Theme */

/** Fires `change` when colours change. */
export const themeChanges = new EventTarget();

prefersDark.addEventListener('change', () => themeChanges.dispatchEvent(new Event('change')));

/** @returns {'light' | 'dark'} what is shown now */
export function shownTheme() {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return prefersDark.matches ? 'dark' : 'light';
}

/** Show the other one; choosing what the system prefers anyway follows the system again. */
export function toggleTheme() {
  const next = shownTheme() === 'dark' ? 'light' : 'dark';
  const follows = (next === 'dark') === prefersDark.matches;
  if (follows) delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  try {
    if (follows) localStorage.removeItem(STORED);
    else localStorage.setItem(STORED, next);
  } catch {
    // Storage is blocked: the choice holds until the tab is closed.
  }
  themeChanges.dispatchEvent(new Event('change'));
}

/** @returns {boolean} whether the reader asked for no motion */
export function isStill() {
  return window.matchMedia('(prefers-reduced-motion: reduce)').matches;
}
