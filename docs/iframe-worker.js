// Opened from the disk, a page may not begin a worker, in which the search looks things up: a hidden frame does its work.
if (location.protocol === "file:") {
  window.IFrameWorker = window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      const inside = this.frame.contentWindow;
      inside.importScripts = async (...urls) => {
        for (const each of urls) await load(inside.document, each);
      };
      inside.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }));
      this.ready = load(inside.document, url);
    }
    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })));
    }
    terminate() {
      this.frame.remove();
    }
  };
}

function load(document, src) {
  return new Promise((loaded, failed) => {
    const script = document.createElement("script");
    Object.assign(script, { src, onload: loaded, onerror: failed });
    document.body.append(script);
  });
}
