// Shows what Tactful pushes, and opens the shop at a click.
//
// The shop serves this file from the root of its own site (/service-worker.js): a worker looks
// after the paths below its own. `subscribe.js` registers it.

self.addEventListener("push", (event) => {
  let said = {};
  try {
    said = event.data?.json() ?? {};
  } catch {
    // Not one of Tactful's. A browser still wants to see something shown for each push.
  }
  const shown = self.registration.showNotification(said.title || self.location.hostname, {
    body: said.body || "",
    lang: said.lang || "",
    tag: said.id, // the same message twice is shown once
    data: { url: ofTheWeb(said.url) || "/" },
  });
  event.waitUntil(shown);
});

// A browser may end a subscription and want another. The next page with the button saves it.
self.addEventListener("pushsubscriptionchange", (event) => {
  if (event.oldSubscription && !event.newSubscription) {
    event.waitUntil(self.registration.pushManager.subscribe(event.oldSubscription.options));
  }
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data.url));
});

async function open(url) {
  const wanted = new URL(url, self.location.origin).href;
  const windows = await self.clients.matchAll({ type: "window" });
  const there = windows.find((one) => one.url === wanted);
  return there ? there.focus() : self.clients.openWindow(wanted);
}

// A script's address is never opened, whatever a message says.
function ofTheWeb(url) {
  try {
    return ["https:", "http:"].includes(new URL(url).protocol) ? url : null;
  } catch {
    return null;
  }
}
