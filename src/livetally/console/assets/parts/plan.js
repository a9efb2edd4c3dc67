/**
 * What applying a definition would change, or why it can't be applied.
 *
 * In the flow: receives a text from a page, asks the server for the plan as the text changes, and applies it; hands the
 * page the line to go to (`line` event) and tells it when something was applied (`applied` event).
 * Guarantee: only what is shown is applied: the button is there for the text that the plan belongs to.
 */

import { html, nothing } from '../vendor/lit/lit-element.js';
import { Problem, putToml } from '../data/api.js';
import { Part } from './part.js';

/** @typedef {{ kind: 'added' | 'changed' | 'removed', what: string, name: string, detail: string }} Change */
/** @typedef {{ application: string, changes: Change[], applied: boolean, version?: number }} PlanAnswer */

/** Typing is not interrupted; the plan follows when it pauses. */
const PAUSE_MS = 400;
const SIGNS = { added: '+', changed: '~', removed: '−' };
const NAME = /^\s*application\s*=\s*["']([^"']*)["']/m;

export class PlanView extends Part {
  static properties = { text: {}, applied: {}, answer: { state: true }, problem: { state: true }, busy: { state: true }, done: { state: true } };

  constructor() {
    super();
    this.text = '';
    /** The text as it is applied now; empty when it is new. */
    this.applied = '';
    /** @type {PlanAnswer | null} of `text` */
    this.answer = null;
    /** @type {Problem | null} of `text` */
    this.problem = null;
    this.busy = false;
    this.done = '';
  }

  #timer = 0;
  #turn = 0;
  #checked = '';

  disconnectedCallback() {
    super.disconnectedCallback();
    window.clearTimeout(this.#timer);
  }

  willUpdate() {
    if (this.text === this.#checked) return;
    this.#checked = this.text;
    this.answer = null;
    this.#turn += 1;
    window.clearTimeout(this.#timer);
    const isChanged = this.text.trim() !== '' && this.text !== this.applied;
    if (isChanged) this.done = '';
    else this.#say(null);
    this.#timer = isChanged ? window.setTimeout(() => this.#check(), PAUSE_MS) : 0;
  }

  render() {
    this.dataset.state = this.busy ? 'busy' : this.problem ? 'problem' : this.answer ? 'ready' : 'waiting';
    return html`<div class="plan" aria-live="polite">
      ${this.done ? html`<p class="plan-done" tabindex="-1">${this.done}</p>` : nothing}
      ${this.problem ? this.#problems(this.problem) : nothing}
      ${this.answer ? this.#changes(this.answer) : nothing}
    </div>`;
  }

  /** @param {Problem} problem */
  #problems(problem) {
    if (!problem.problems.length) return html`<p class="problem" role="alert">${problem.message}</p>`;
    const count = problem.problems.length;
    return html`<p class="problem" role="alert">${count === 1 ? 'One mistake:' : `${count} mistakes:`} nothing is applied.</p>
      <ul class="plan-problems">
        ${problem.problems.map(
          ({ line, key, reason }) => html`<li><button class="plan-line" @click=${() => this.#say(problem, line)}>Line ${line}</button> <span class="code">${key}</span> ${reason}</li>`,
        )}
      </ul>`;
  }

  /** @param {PlanAnswer} answer */
  #changes({ changes, application }) {
    if (!changes.length) {
      return html`<p class="quiet">Nothing changes but its words.</p>${this.#applyButton(application)}`;
    }
    return html`${changeList(changes)}${this.#applyButton(application)}`;
  }

  /** @param {string} application */
  #applyButton(application) {
    return html`<p><button class="strong" data-apply ?disabled=${this.busy} @click=${() => this.#apply()}>Apply to ${application}</button></p>`;
  }

  async #check() {
    const turn = this.#turn;
    const path = pathOfText(this.text);
    try {
      if (!path) throw new Problem(400, { detail: 'The first line has to name the application: application = "shop"' });
      const answer = await putToml(`${path}?dry_run=true`, this.text);
      if (turn === this.#turn) this.#keep(answer, null);
    } catch (error) {
      if (turn === this.#turn) this.#keep(null, problemOf(error));
    }
  }

  async #apply() {
    const text = this.text;
    this.busy = true;
    try {
      const answer = await putToml(pathOfText(text), text);
      this.#keep(null, null);
      this.done = `Applied as version ${answer.version}. Its metrics answer over all events that are stored.`;
      await this.updateComplete;
      // The button that was pressed is gone: whoever uses the keyboard goes on from here.
      /** @type {HTMLElement | null} */ (this.querySelector('.plan-done'))?.focus();
      this.dispatchEvent(new CustomEvent('applied', { detail: { application: answer.application, text }, bubbles: true }));
    } catch (error) {
      this.#keep(null, problemOf(error));
    } finally {
      this.busy = false;
    }
  }

  /** @param {PlanAnswer | null} answer @param {Problem | null} problem */
  #keep(answer, problem) {
    this.answer = answer;
    this.#say(problem);
  }

  /** Tell the page which lines have mistakes, and which one to go to. @param {Problem | null} problem @param {number} [goTo] */
  #say(problem, goTo) {
    this.problem = problem;
    const lines = (problem?.problems ?? []).map(({ line }) => line);
    this.dispatchEvent(new CustomEvent('line', { detail: { lines, goTo }, bubbles: true }));
  }
}

/** @param {readonly Change[]} changes */
export function changeList(changes) {
  return html`<p class="label">What changes</p>
    <ul class="plan-changes">
      ${changes.map(({ kind, what, name, detail }) => html`<li data-kind=${kind}><span class="plan-sign" role="img" aria-label=${kind}>${SIGNS[kind]}</span> ${what} <strong>${name}</strong>${detail ? html`<span class="quiet">: ${detail}</span>` : nothing}</li>`)}
    </ul>`;
}

/** @param {string} text @returns {string} empty when it names no application */
function pathOfText(text) {
  const name = NAME.exec(text)?.[1];
  return name ? `v1/definitions/${encodeURIComponent(name)}` : '';
}

/** @param {unknown} error */
function problemOf(error) {
  return error instanceof Problem ? error : new Problem(0, { detail: String(error) });
}

customElements.define('lt-plan', PlanView);
