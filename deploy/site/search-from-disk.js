// Pages that come from a file may not start a worker. There, a hidden frame that loads the same script takes its part:
// what one side posts, the other one hears as a `message`.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(script) {
      super()
      this.waiting = []
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.appendChild(frame)
      const inside = frame.contentWindow
      inside.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }))
      inside.importScripts = (...scripts) => Promise.all(scripts.map(one => load(frame, one)))
      load(frame, script).then(() => {
        this.inside = inside
        this.waiting.forEach(data => this.postMessage(data))
      })
    }

    postMessage(data) {
      if (this.inside) this.inside.dispatchEvent(new MessageEvent("message", { data }))
      else this.waiting.push(data)
    }
  }

  function load(frame, address) {
    return new Promise((loaded, failed) => {
      const script = frame.contentDocument.createElement("script")
      script.src = address
      script.onload = loaded
      script.onerror = failed
      frame.contentDocument.body.appendChild(script)
    })
  }
}
