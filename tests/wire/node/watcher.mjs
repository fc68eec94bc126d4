// Watches nodes and counts what comes; looks at nothing. Prints one line of JSON and ends.
//   node watcher.mjs ENDPOINT SETTLE_S TURN_S LIMIT_S < NODES     NODES: JSON list of node ids
// {values, cpuS, tookS, liveS}: of the turn; liveS: from the first byte to a value of every node.
// The thinnest way that the library has: two Publish requests of its own outstanding, no item objects.
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

const opcua = createRequire(import.meta.url)("node-opcua");
const { OPCUAClient, AttributeIds, MonitoringMode, TimestampsToReturn } = opcua;
const [endpoint, settle, turn, limit] = process.argv.slice(2);
setTimeout(() => process.exit(3), limit * 1000);
const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const SLICE = 1000;

const nodes = JSON.parse(await text(process.stdin));
const client = OPCUAClient.create({ endpointMustExist: false, connectionStrategy: { maxRetry: 0 } });
const begun = performance.now();
await client.connect(endpoint);
const session = await client.createSession();
const { subscriptionId } = await session.createSubscription({
  requestedPublishingInterval: 100, requestedLifetimeCount: 100, requestedMaxKeepAliveCount: 20,
  maxNotificationsPerPublish: 0, publishingEnabled: true, priority: 0,
});
for (let start = 0; start < nodes.length; start += SLICE) {
  const itemsToCreate = nodes.slice(start, start + SLICE).map((nodeId, k) => ({
    itemToMonitor: { nodeId, attributeId: AttributeIds.Value },
    monitoringMode: MonitoringMode.Reporting,
    requestedParameters: { clientHandle: start + k, samplingInterval: 100, queueSize: 10, discardOldest: true },
  }));
  const made = await session.createMonitoredItems({ subscriptionId, timestampsToReturn: TimestampsToReturn.Source, itemsToCreate });
  const bad = made.results.filter((result) => !result.statusCode.isGood());
  if (bad.length > 0) throw new Error(`${bad.length} nodes cannot be watched: ${bad[0].statusCode}`);
}

let values = 0;
let seen = () => {};
const live = new Promise((resolve) => { seen = () => values >= nodes.length && resolve(performance.now()); });
let acknowledgements = [];
function publish() {
  const subscriptionAcknowledgements = acknowledgements;
  acknowledgements = [];
  session.publish({ subscriptionAcknowledgements }, (error, response) => {
    if (error) throw error;
    const message = response.notificationMessage;
    if (message.notificationData?.length) {
      acknowledgements.push({ subscriptionId, sequenceNumber: message.sequenceNumber });
      for (const part of message.notificationData) values += part.monitoredItems?.length ?? 0;
      seen();
    }
    publish();
  });
}
publish();
publish();

const liveS = (await live - begun) / 1000;
await pause(settle);
const before = { values, cpu: process.cpuUsage(), time: performance.now() };
await pause(turn);
const cpu = process.cpuUsage(before.cpu);
const tookS = (performance.now() - before.time) / 1000;
const report = { values: values - before.values, cpuS: (cpu.user + cpu.system) / 1e6, tookS, liveS };
process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));
