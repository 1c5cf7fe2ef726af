// A button that subscribes this browser. The shop's page includes it as a module:
//
//   <button id="subscribe" hidden>Tell me when prices fall</button>
//   <script type="module">
//     import { subscribeButton } from "/subscribe.js";
//     subscribeButton(document.getElementById("subscribe"), {
//       key: "…", // applicationServerKey, as `tactful doctor` says it
//       save: (subscription) =>
//         fetch("/account/webpush", { method: "POST", body: JSON.stringify(subscription) }),
//     });
//   </script>
//
// What `save` is given belongs with the customer: {"id": "…", "addresses": {"webpush":
// JSON.stringify(subscription)}}, and a consent for the channel `webpush` in the button's words.
// Where `save` fails, or its answer is no 2xx, the browser is unsubscribed and the button stays.

export async function subscribeButton(button, { key, save, worker = "/service-worker.js" }) {
  if (!("serviceWorker" in navigator) || !("PushManager" in window)) {
    return; // the button stays hidden: this browser has no push
  }
  const registration = await navigator.serviceWorker.register(worker);
  const held = await registration.pushManager.getSubscription();
  button.hidden = held !== null;
  button.addEventListener("click", async () => {
    // Browsers ask only upon a click, and remember a no for good.
    if ((await Notification.requestPermission()) !== "granted") {
      return;
    }
    const subscription = await registration.pushManager.subscribe({
      userVisibleOnly: true,
      applicationServerKey: bytes(key),
    });
    try {
      const saved = await save(subscription.toJSON());
      if (saved?.ok === false) {
        throw new Error(`the subscription was not kept: ${saved.status}`);
      }
    } catch (error) {
      // Whoever is subscribed is not asked again: one that nobody keeps would never be heard of.
      await subscription.unsubscribe();
      throw error;
    }
    button.hidden = true;
  });
}

function bytes(base64url) {
  const base64 = base64url.replace(/-/g, "+").replace(/_/g, "/");
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
