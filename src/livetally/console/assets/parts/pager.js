/**
 * From page to page of a long list.
 *
 * In the flow: receives the cursor of the next page, writes it to the address.
 * Guarantee: each page is a step that the browser's Back returns from; the first page is always one step away.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { address } from '../services.js';

/**
 * @param {{ next: string | null | undefined, first?: string, further?: string, name?: string }} pages
 * @returns {unknown}
 */
export function pager({ next, first = 'First page', further = 'Next page', name = 'cursor' }) {
  const here = address.choice(name);
  if (!here && !next) return nothing;
  return html`<nav class="pager" aria-label="Pages of the list">
    <button class="plain" ?disabled=${!here} @click=${() => address.choose({ [name]: null })}>${first}</button>
    <button class="plain" data-next ?disabled=${!next} @click=${() => address.choose({ [name]: next ?? null })}>${further}</button>
  </nav>`;
}

/** What a list says when it has nothing, is awaited or was refused. @param {unknown} words @param {boolean} [alert] */
export function listWords(words, alert = false) {
  return html`<div class="panel-empty">${alert ? html`<p role="alert">${words}</p>` : words}</div>`;
}
