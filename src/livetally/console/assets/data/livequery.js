/**
 * Ties one question to one element: subscribed while the element is on the page, never longer.
 *
 * In the flow: receives a question from a component, hands it the current `View` and asks it to render.
 * Guarantee: when the question changes, the old answer stays in `view` until the new one is here.
 */

import { live } from '../services.js';

/** @typedef {import('./live.js').View} View */
/** @typedef {import('../vendor/lit/lit-element.js').ReactiveController} ReactiveController */
/** @typedef {import('../vendor/lit/lit-element.js').ReactiveControllerHost} Host */

/** @implements {ReactiveController} */
export class LiveQuery {
  /** @param {Host} host */
  constructor(host) {
    this.#host = host;
    host.addController(this);
    /** @type {View | null} the newest answer; of the question before while the new one is awaited */
    this.view = null;
    /** True while `view` belongs to the question before. */
    this.stale = false;
  }

  #host;
  #question = '';
  #connected = false;
  /** @type {{ view: View, release: () => void } | null} */
  #held = null;

  /** Ask `question` from now on; an empty one asks nothing. @param {string} question */
  ask(question) {
    if (question === this.#question) return;
    this.#question = question;
    if (this.#connected) this.#subscribe();
  }

  hostConnected() {
    this.#connected = true;
    this.#subscribe();
  }

  hostDisconnected() {
    this.#connected = false;
    this.#release();
  }

  #subscribe() {
    const before = this.#held;
    this.#held = this.#question ? live.subscribe(this.#question, () => this.#onChange()) : null;
    before?.release();
    if (!this.#held) this.view = null;
    else if (this.#held.view.state !== 'waiting' || !this.view) this.view = this.#held.view;
    this.stale = this.view !== (this.#held?.view ?? null);
  }

  #release() {
    this.#held?.release();
    this.#held = null;
  }

  #onChange() {
    if (this.#held) this.view = this.#held.view;
    this.stale = false;
    this.#host.requestUpdate();
  }
}
