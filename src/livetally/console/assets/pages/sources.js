/**
 * Sources: what is fetched from elsewhere, when, how it went; and starting, stopping, running them.
 *
 * In the flow: receives the path from the shell, reads the sources every two seconds while somebody looks, sends
 * commands.
 * Guarantee: a state that is shown is the server's; a command that fails is said beside the list, which goes on.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { Problem, send } from '../data/api.js';
import { Every } from '../data/every.js';
import { Resource } from '../data/resource.js';
import '../parts/command.js';
import '../parts/grid.js';
import { listWords } from '../parts/pager.js';
import { Part } from '../parts/part.js';
import '../parts/source-detail.js';
import { address, session } from '../services.js';
import { STATE_WORDS, countText, distanceText, isBusy, nameOf, stateOf } from '../view/source.js';

/** @typedef {import('../data/contract.js').Source} Source */

const EVERY_MS = 2_000;
/** The server obeys a command within this. */
const OBEYED_MS = 600;
const EXAMPLE = `[source.prizes]
url = "https://api.nobelprize.org/2.1/nobelPrizes"
every = "5 minutes"
map.each = "nobelPrizes"
map.type = "'prize'"
map.id = "join('-', [awardYear, category.en])"`;

export class SourcesPage extends Part {
  static properties = { path: { attribute: false }, problem: { state: true } };

  constructor() {
    super();
    /** @type {string[]} the name of the one that is open */
    this.path = [];
    this.problem = '';
    new Every(this, EVERY_MS, () => this.#sources.reload());
  }

  /** @type {Resource<{ sources: Source[] }>} */
  #sources = new Resource(this);

  willUpdate() {
    this.#sources.ask('v1/sources');
    this.dataset.state = this.#sources.answer ? 'ready' : this.#sources.state;
  }

  render() {
    const { answer, problem } = this.#sources;
    if (answer && !answer.sources.length) return this.#none();
    const opened = answer?.sources.find(({ name }) => name === this.path[0]) ?? null;
    return html`
      <div class="page-head"><div class="page-name"><h1>Sources</h1>
        <p class="quiet">Records of other systems, fetched on a schedule and each counted once.</p></div></div>
      ${problem && answer ? html`<p class="problem list-problem" role="alert">${problem.title}. ${problem.message}</p>` : nothing}
      ${this.problem ? html`<p class="problem list-problem" role="alert">${this.problem}</p>` : nothing}
      ${answer ? this.#list(answer.sources, opened) : problem ? listWords(html`<strong>${problem.title}</strong><br />${problem.message}`, true) : listWords(html`<p class="quiet">Reading…</p>`)}
    `;
  }

  #none() {
    return html`<section class="first">
      <h1>No sources yet</h1>
      <p>A source fetches a web address again and again, and turns what it finds there into events, each counted once. It is
        a few lines in a definition:</p>
      <lt-command label="Lines of a definition" .text=${EXAMPLE}></lt-command>
      <p><a href=${address.linkAcross(['definitions'])}>Go to the definitions</a></p>
    </section>`;
  }

  /** @param {Source[]} sources @param {Source | null} opened */
  #list(sources, opened) {
    return html`<div class="split" data-open=${opened !== null} @open=${this.#onOpen} @close=${() => this.#open('')} @changed=${this.#onChanged} @keydown=${this.#onKey}>
      <div class="split-list"><div class="panel">
        <lt-grid label="Sources" opens .columns=${this.#columns()} .rows=${sources} .keyOf=${(/** @type {Source} */ one) => one.name} .opened=${opened?.name ?? ''} question="sources"></lt-grid>
      </div></div>
      ${opened ? html`<lt-source-detail .source=${opened} .now=${Date.now()}></lt-source-detail>` : nothing}
    </div>`;
  }

  /** @returns {import('../parts/grid.js').Column[]} */
  #columns() {
    const now = Date.now();
    // Compared is the moment: that it is farther off by a second is no news.
    const moment = (/** @type {string | null | undefined} */ time, /** @type {string} */ otherwise) => (time ? distanceText(Date.parse(time), now) : html`<span class="quiet">${otherwise}</span>`);
    return [
      { name: 'name', title: 'Source', text: nameOf },
      { name: 'state', title: 'State', text: (/** @type {Source} */ one) => STATE_WORDS[stateOf(one)], cell: (one) => html`<span class="state" data-source-state=${stateOf(one)}>${STATE_WORDS[stateOf(one)]}</span>` },
      { name: 'last', title: 'Last run', text: ({ last }) => last ?? '', cell: ({ last }) => moment(last, 'never') },
      { name: 'next', title: 'Next run', text: ({ next }) => next ?? '', cell: (one) => (isBusy(one) ? 'now' : moment(one.next, '–')) },
      { name: 'schedule', title: 'Schedule', isMinor: true, text: (one) => one.schedule },
      { name: 'stored', title: 'Events', isNumber: true, text: ({ stored }) => countText(stored) },
      { name: 'error', title: 'Last error', isLong: true, text: (one) => one.last_error ?? '', cell: (one) => (one.last_error ? html`<span class="problem" title=${one.last_error}>${one.last_error}</span>` : '') },
      ...(session.may('admin') ? [{ name: 'actions', title: 'Actions', text: () => '', cell: (/** @type {Source} */ one) => this.#actions(one) }] : []),
    ];
  }

  /** @param {Source} source */
  #actions(source) {
    const name = nameOf(source);
    const command = source.running ? 'stop' : 'start';
    return html`<span class="row-actions">
      ${source.schedule_of === 'messages' ? nothing : html`<button class="small" data-run ?disabled=${isBusy(source)} aria-label="Run now: ${name}" @click=${() => this.#command(source, 'run')}>Run now</button>`}
      <button class="small" data-command=${command} aria-label="${source.running ? 'Stop' : 'Start'} ${name}" @click=${() => this.#command(source, command)}>${source.running ? 'Stop' : 'Start'}</button>
    </span>`;
  }

  /** @param {Source} source @param {'run' | 'start' | 'stop'} action */
  async #command(source, action) {
    try {
      this.problem = '';
      this.#take(await send('POST', `v1/sources/${encodeURIComponent(source.name)}/${action}`));
      window.setTimeout(() => this.#sources.reload(), OBEYED_MS);
    } catch (error) {
      this.problem = `${nameOf(source)}: ${error instanceof Problem ? error.message : error}`;
    }
  }

  /** @param {Source} source as the server has it now */
  #take(source) {
    const { answer } = this.#sources;
    if (answer) this.#sources.replace({ sources: answer.sources.map((one) => (one.name === source.name ? source : one)) });
  }

  /** @param {CustomEvent<Source>} event */
  #onChanged({ detail }) {
    this.#take(detail);
  }

  /** @param {CustomEvent<string>} event */
  #onOpen({ detail: name }) {
    this.#open(name === this.path[0] ? '' : name);
  }

  /** @param {string} name */
  #open(name) {
    address.go(name ? ['sources', name] : ['sources']);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const [name] = this.path;
    if (event.key !== 'Escape' || !name) return;
    this.#open('');
    /** @type {HTMLElement | null} */ (this.querySelector(`tr[data-key="${CSS.escape(name)}"] .grid-open`))?.focus();
  }
}

customElements.define('lt-sources', SourcesPage);
