/**
 * From page to page of a long list.
 *
 * In the flow: receives the cursor of the next page, writes it to the address.
 * Guarantee: each page is a step that the browser's Back returns from; the first page is always one step away.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { address } from '../services.js';

/**
 * @param {{ next: string | null | undefined | false | (() => Promise<string | null>), first?: string, further?: string, name?: string }} pages
 *   `next`: a cursor, a way to find it when it is wanted, or nothing where the list ends
 * @returns {unknown}
 */
export function pager({ next, first = 'First page', further = 'Next page', name = 'cursor' }) {
  const here = address.choice(name);
  if (!here && !next) return nothing;
  return html`<nav class="pager" aria-label="Pages of the list">
    <button class="plain" ?disabled=${!here} @click=${() => address.choose({ [name]: null })}>${first}</button>
    <button class="plain" data-next ?disabled=${!next} @click=${() => goOn(name, next || null)}>${further}</button>
  </nav>`;
}

/** @param {string} name @param {string | null | (() => Promise<string | null>)} next */
async function goOn(name, next) {
  address.choose({ [name]: typeof next === 'function' ? await next() : next });
}

/** What a list says when it has nothing, is awaited or was refused. @param {unknown} words @param {boolean} [alert] */
export function listWords(words, alert = false) {
  return html`<div class="panel-empty">${alert ? html`<p role="alert">${words}</p>` : words}</div>`;
}
