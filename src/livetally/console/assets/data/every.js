/**
 * Calls something again and again while somebody looks.
 *
 * In the flow: made by a page for what the server does not push; lives as long as the page is shown.
 * Guarantee: a page that is hidden asks nothing; one that is shown again asks at once.
 */

/** @typedef {import('../vendor/lit/lit-element.js').ReactiveControllerHost} Host */

export class Every {
  /** @param {Host} host @param {number} ms from call to call @param {() => unknown} call */
  constructor(host, ms, call) {
    this.#ms = ms;
    this.#call = call;
    host.addController(this);
  }

  #ms;
  #call;
  #timer = 0;
  #look = () => document.hidden || this.#call();

  hostConnected() {
    this.#timer = window.setInterval(this.#look, this.#ms);
    document.addEventListener('visibilitychange', this.#look);
  }

  hostDisconnected() {
    window.clearInterval(this.#timer);
    document.removeEventListener('visibilitychange', this.#look);
  }
}
