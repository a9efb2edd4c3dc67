/**
 * The page for who is not signed in: asks for a key.
 *
 * In the flow: receives a key from a person, hands it to `data/session.js`, which exchanges it for a cookie.
 * Guarantee: the key is in the page only while it is typed; a refusal says what to do next.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { Problem } from '../data/api.js';
import { Part } from '../parts/part.js';
import { session } from '../services.js';

export class SignInPage extends Part {
  static properties = { problem: { state: true }, busy: { state: true } };

  constructor() {
    super();
    this.problem = usedLink() ? 'This link has been used or is too old. Sign in with a key, or make another link.' : '';
    this.busy = false;
  }

  render() {
    return html`<div class="sign-in">
      <h1>Sign in</h1>
      <form @submit=${this.#onSubmit} novalidate>
        <label for="key">Key</label>
        <input
          id="key" name="key" type="password" autocomplete="current-password" spellcheck="false" autocapitalize="off"
          placeholder="lt_…" aria-describedby="key-about" aria-invalid=${this.problem ? 'true' : 'false'}
        />
        ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
        <button class="strong" ?disabled=${this.busy}>Sign in</button>
      </form>
      <p id="key-about" class="quiet">
        The first start of the server prints a key, and a link that signs you in once without it.
        Lost both? <code>livetally keys create</code> on the server’s machine makes another.
      </p>
    </div>`;
  }

  firstUpdated() {
    this.querySelector('input')?.focus();
  }

  /** @param {SubmitEvent} event */
  async #onSubmit(event) {
    event.preventDefault();
    const input = /** @type {HTMLInputElement} */ (this.querySelector('#key'));
    if (!input.value.trim()) {
      this.problem = 'Type or paste a key. It begins with lt_.';
      return;
    }
    this.busy = true;
    this.problem = '';
    try {
      await session.signIn(input.value);
    } catch (error) {
      this.problem = error instanceof Problem ? error.message : String(error);
      input.select();
    } finally {
      this.busy = false;
    }
  }
}

/** The server comes back here from a one-time link that is not good (any more). @returns {boolean} */
function usedLink() {
  const used = new URLSearchParams(window.location.search).get('link') === 'used';
  if (used) window.history.replaceState(null, '', `${window.location.pathname}${window.location.hash}`);
  return used;
}

customElements.define('lt-sign-in', SignInPage);
