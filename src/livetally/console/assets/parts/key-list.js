/**
 * A team's keys: what each may do, when it was last used, what it may still ask, and how to end it.
 *
 * In the flow: asks the server for the keys of the team acted for; makes, rotates and revokes them.
 * Guarantee: a key's text is on the page once, until it is put away; nothing ends without being asked twice.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { Problem, send } from '../data/api.js';
import { Resource } from '../data/resource.js';
import { session } from '../services.js';
import { momentText } from '../time/words.js';
import { ownZone } from '../time/zones.js';
import './command.js';
import './confirm.js';
import './grid.js';
import './key-form.js';
import { listWords } from './pager.js';
import { Part } from './part.js';

/** @typedef {import('../data/contract.js').Key} Key */
/** @typedef {import('./grid.js').Column} Column */

export class KeyList extends Part {
  static properties = { making: { state: true }, made: { state: true }, showsEnded: { state: true }, problem: { state: true } };

  constructor() {
    super();
    this.making = false;
    /** @type {Key | null} whose text is shown, once */
    this.made = null;
    this.showsEnded = false;
    this.problem = '';
  }

  /** @type {Resource<{ keys: Key[] }>} */
  #keys = new Resource(this);

  willUpdate() {
    this.#keys.ask('v1/keys');
    this.dataset.state = this.#keys.state;
  }

  render() {
    return html`
      <div class="page-head">
        <div class="page-name"><h1>Keys</h1><p class="quiet">A key belongs to one team. Programs send it with each request; people sign in here with it.</p></div>
        ${this.making ? nothing : html`<button class="strong" data-new @click=${() => (this.making = true)}>New key</button>`}
      </div>
      ${this.making ? html`<lt-key-form @made=${this.#onMade} @close=${() => (this.making = false)}></lt-key-form>` : nothing}
      ${this.made ? this.#secret(this.made) : nothing}
      ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
      ${this.#list()}
      <lt-confirm></lt-confirm>
    `;
  }

  /** @param {Key} key */
  #secret(key) {
    return html`<section class="panel secret" aria-label="New key">
      <h2>${key.name || key.id}</h2>
      <p>Copy it now. It is shown this once; the server keeps only a fingerprint of it.</p>
      <lt-command label="Key" .text=${key.key ?? ''}></lt-command>
      <p><button class="small" data-stored @click=${() => (this.made = null)}>I have stored it</button></p>
    </section>`;
  }

  #list() {
    const { answer, problem } = this.#keys;
    if (problem) return listWords(html`<strong>${problem.title}</strong><br />${problem.message}`, true);
    if (!answer) return listWords(html`<p class="quiet">Reading…</p>`);
    const all = [...answer.keys].sort((one, other) => other.created_us - one.created_us);
    const valid = all.filter((key) => !endedText(key));
    const ended = all.length - valid.length;
    return html`<div class="panel">
      ${valid.length || this.showsEnded
        ? html`<lt-grid label="Keys" .columns=${this.#columns()} .rows=${this.showsEnded ? all : valid} .keyOf=${(/** @type {Key} */ key) => key.id} question="keys"></lt-grid>`
        : listWords(html`<p>This team has no key yet.</p>`)}
      ${ended ? html`<p class="list-foot"><button class="plain" aria-pressed=${this.showsEnded} @click=${() => (this.showsEnded = !this.showsEnded)}>${this.showsEnded ? 'Hide' : 'Show'} ${ended} that ended</button></p>` : nothing}
    </div>`;
  }

  /** @returns {Column[]} */
  #columns() {
    return [
      { name: 'name', title: 'Name', text: (/** @type {Key} */ key) => key.name || 'no name' },
      { name: 'id', title: 'Id', isMinor: true, text: (key) => key.id, cell: (key) => html`<span class="code">${key.id}</span>` },
      { name: 'scopes', title: 'May', text: mayText },
      { name: 'created', title: 'Created', isMinor: true, text: (key) => whenText(key.created_us) },
      { name: 'used', title: 'Last used', text: (key) => (key.last_used_us ? whenText(key.last_used_us) : 'never') },
      { name: 'ends', title: 'Ends', text: (key) => endedText(key) || (key.expires_us ? whenText(key.expires_us) : 'never') },
      { name: 'queries', title: 'Queries left this hour', isNumber: true, text: leftText, cell: (key) => (isUsedUp(key) ? html`<span class="problem">${leftText(key)}</span>` : leftText(key)) },
      { name: 'actions', title: 'Actions', text: () => '', cell: (key) => this.#actions(key) },
    ];
  }

  /** @param {Key} key */
  #actions(key) {
    if (endedText(key)) return nothing;
    const own = key.id === session.who?.key_id;
    return html`<span class="row-actions">
      ${own ? html`<span class="quiet">yours</span>` : nothing}
      <button class="small" data-rotate @click=${() => this.#rotate(key)}>Rotate</button>
      <button class="small" data-revoke @click=${() => this.#revoke(key, own)}>Revoke</button>
    </span>`;
  }

  /** @param {CustomEvent<Key>} event */
  #onMade({ detail }) {
    this.making = false;
    this.made = detail;
    this.#keys.reload();
  }

  /** @param {Key} key */
  async #rotate(key) {
    const words = { title: `Rotate “${nameOf(key)}”?`, verb: 'Rotate', text: 'A new key with the same rights takes its place and is shown once. The old one stops working at once.' };
    if (await this.#confirm(words)) await this.#change(async () => (this.made = await send('POST', `v1/keys/${key.id}/rotate`)));
  }

  /** @param {Key} key @param {boolean} own */
  async #revoke(key, own) {
    const text = own
      ? 'You are signed in with this key: you will be signed out at once. What uses it stops working at once. This can’t be undone.'
      : 'What uses it stops working at once, its open streams end. This can’t be undone.';
    if (await this.#confirm({ title: `Revoke “${nameOf(key)}”?`, verb: 'Revoke', text })) await this.#change(() => send('DELETE', `v1/keys/${key.id}`));
  }

  /** @param {import('./confirm.js').Words} words */
  async #confirm(words) {
    return /** @type {import('./confirm.js').Confirm} */ (this.querySelector('lt-confirm')).ask(words);
  }

  /** @param {() => Promise<unknown>} change */
  async #change(change) {
    try {
      this.problem = '';
      await change();
    } catch (error) {
      this.problem = error instanceof Problem ? error.message : String(error);
    }
    await this.#keys.reload();
    if (this.#keys.problem?.status === 401) await session.refresh();
  }
}

/** @param {Key} key */
function nameOf({ name, id }) {
  return name || id;
}

/** @param {Key} key @returns {string} */
function mayText({ scopes, operator }) {
  const words = ['read', 'write', 'admin'].filter((one) => scopes.includes(one)).join(', ');
  return operator ? `${words}; every team` : words;
}

/** @param {Key} key @returns {string} why the key is not valid any more; empty while it is */
function endedText({ revoked_us: revoked, expires_us: expires }) {
  if (revoked !== null) return `revoked ${whenText(revoked)}`;
  return expires !== null && expires <= Date.now() * 1000 ? `expired ${whenText(expires)}` : '';
}

/** @param {Key} key @returns {string} */
function leftText({ queries }) {
  if (!queries) return 'not counted';
  return isUsedUp({ queries }) ? `used up: 0 of ${queries.limit}` : `${queries.remaining} of ${queries.limit}`;
}

/** @param {Pick<Key, 'queries'>} key */
function isUsedUp({ queries }) {
  return queries?.remaining === 0;
}

/** @param {number} us @returns {string} */
export function whenText(us) {
  return momentText(us / 1000, ownZone());
}

customElements.define('lt-key-list', KeyList);
