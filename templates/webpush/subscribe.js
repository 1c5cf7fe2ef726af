// A button that subscribes this browser, and one that ends it. The shop's page includes it as a
// module:
//
//   <button id="subscribe" hidden>Tell me when prices fall</button>
//   <button id="end" hidden>No more messages in this browser</button>
//   <script type="module">
//     import { subscribeButton } from "/subscribe.js";
//     subscribeButton(document.getElementById("subscribe"), {
//       key: "…", // applicationServerKey, as `tactful doctor` says it
//       save: (subscription, { pressed }) =>
//         fetch(`/account/webpush?consent=${pressed}`, {
//           method: "POST",
//           body: JSON.stringify(subscription),
//         }),
//       end: document.getElementById("end"),
//     });
//   </script>
//
// What `save` is given belongs with the customer: {"id": "…", "addresses": {"webpush":
// JSON.stringify(subscription)}}; and where the button was `pressed`, a consent for the channel
// `webpush` in its words. Browsers change a subscription by themselves: then the next page saves
// the new one, which nobody has pressed for and which is no consent.
//
// Where `save` fails upon a press, or its answer is no 2xx, the browser is unsubscribed and the
// button stays. An end needs no saving: the push service answers 410, and the address is dropped.

const SAVED = "tactful-webpush";

export async function subscribeButton(
  button,
  { key, save, end = null, worker = "/service-worker.js" },
) {
  if (!("serviceWorker" in navigator) || !("PushManager" in window)) {
    return; // the buttons stay hidden: this browser has no push
  }
  const { pushManager } = await navigator.serviceWorker.register(worker);
  const held = await pushManager.getSubscription();
  const ours = held !== null && isOf(held, key);
  show(ours);
  button.addEventListener("click", async () => {
    // Browsers ask only upon a click, and remember a no for good.
    if ((await Notification.requestPermission()) !== "granted") {
      return;
    }
    // A browser has one subscription, and with another key's nobody here can reach it.
    const other = await pushManager.getSubscription();
    if (other !== null && !isOf(other, key)) {
      await other.unsubscribe();
    }
    const subscription = await pushManager.subscribe({
      userVisibleOnly: true,
      applicationServerKey: bytes(key),
    });
    try {
      await keep(subscription, true);
    } catch (error) {
      // Whoever is subscribed is not asked again: one that nobody keeps would never be heard of.
      await subscription.unsubscribe();
      throw error;
    }
    show(true);
  });
  end?.addEventListener("click", async () => {
    await (await pushManager.getSubscription())?.unsubscribe();
    show(false);
  });
  if (ours && saved() !== held.endpoint) {
    await keep(held, false); // where it fails, the next page tries again
  }

  async function keep(subscription, pressed) {
    const answer = await save(subscription.toJSON(), { pressed });
    if (answer?.ok === false) {
      throw new Error(`the subscription was not kept: ${answer.status}`);
    }
    try {
      localStorage.setItem(SAVED, subscription.endpoint);
    } catch {
      // It is full, or may not be used: then every page saves the subscription again.
    }
  }

  function show(subscribed) {
    button.hidden = subscribed;
    if (end !== null) {
      end.hidden = !subscribed;
    }
  }
}

function saved() {
  try {
    return localStorage.getItem(SAVED);
  } catch {
    return null;
  }
}

function isOf(subscription, key) {
  const theirs = new Uint8Array(subscription.options.applicationServerKey ?? []);
  const own = bytes(key);
  return theirs.length === own.length && theirs.every((byte, at) => byte === own[at]);
}

function bytes(base64url) {
  const base64 = base64url.replace(/-/g, "+").replace(/_/g, "/");
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
