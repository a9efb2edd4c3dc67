export * from 'lit/directive.js';
