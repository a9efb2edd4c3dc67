/**
 * Tells a page when the clock's minute has turned, so that ranges such as "last hour" move on with it.
 *
 * In the flow: held by pages whose question depends on the moment.
 * Guarantee: `now` stays the same within a minute of renderings, so that they ask the same question; nothing ticks for a
 * page that is not on the screen.
 */

import { ABOUT_MS } from './calendar.js';

/** After the clock's minute has turned, so that the new one is surely there. */
const LATE_MS = 20;

/** @typedef {import('../vendor/lit/lit-element.js').ReactiveController} ReactiveController */
/** @typedef {import('../vendor/lit/lit-element.js').ReactiveControllerHost} Host */

/** @implements {ReactiveController} */
export class MinuteTurn {
  /** @param {Host} host @param {() => void} [onTurn] */
  constructor(host, onTurn = () => {}) {
    this.#host = host;
    this.#onTurn = onTurn;
    this.now = Date.now();
    host.addController(this);
  }

  #host;
  #onTurn;
  #timer = 0;

  hostConnected() {
    this.#turn();
  }

  hostDisconnected() {
    window.clearTimeout(this.#timer);
  }

  #turn() {
    this.now = Date.now();
    this.#onTurn();
    this.#host.requestUpdate();
    this.#timer = window.setTimeout(() => this.#turn(), ABOUT_MS.minute - (this.now % ABOUT_MS.minute) + LATE_MS);
  }
}
