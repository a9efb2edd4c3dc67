/**
 * What every element of the console is: a Lit element without a shadow.
 *
 * In the flow: the base of pages and parts.
 * Guarantee: one set of style sheets, loaded as files, dresses everything; labels and the elements that
 * they name may be in different parts, which shadows would forbid.
 */

import { LitElement } from '../vendor/lit/lit-element.js';
import { isStill } from '../view/theme.js';

export class Part extends LitElement {
  createRenderRoot() {
    return this;
  }
}

/** What is lit now; asking an element for its animations would have the browser work out the whole page's style. */
const lit = new WeakSet();

/**
 * Light an element up for a moment, because what it says has changed. One that is lit stays as it is: what changes all
 * the time glows once in a while instead of flickering.
 * @param {Element | null | undefined} element
 */
export function flash(element) {
  if (!element || isStill() || document.hidden || lit.has(element)) return;
  lit.add(element);
  const glow = element.animate([{ backgroundColor: 'var(--flash)' }, { backgroundColor: 'transparent' }], { duration: 1200, easing: 'ease-out' });
  glow.onfinish = glow.oncancel = () => lit.delete(element);
}

let count = 0;

/** A name for an element's `id` that no other has. @param {string} prefix @returns {string} */
export function uniqueId(prefix) {
  count += 1;
  return `${prefix}-${count}`;
}
