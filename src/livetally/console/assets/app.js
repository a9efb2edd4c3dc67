/**
 * Where the console starts: the frame, and with it everything else.
 *
 * In the flow: loaded by `index.html`; the element `lt-app` does the rest.
 * Guarantee: an error that nothing caught is on the browser's console with its place, not swallowed.
 */

import './pages/shell.js';
