/**
 * Sets the chosen colours before the first paint, so that a dark page never flashes white.
 *
 * In the flow: receives the choice that `view/theme.js` stored, hands it to the style sheets as an attribute.
 * Guarantee: without a stored choice nothing is set, and the system's preference rules.
 */
try {
  const chosen = localStorage.getItem('livetally.theme');
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is blocked in this browser: the system's preference rules.
}
