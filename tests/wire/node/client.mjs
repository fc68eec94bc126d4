// Looks at one simulated PLC as any OPC UA client would and prints what it saw as JSON.
//   node client.mjs ENDPOINT NAMESPACE STATION PREFIX
import { createRequire } from "node:module";

const opcua = createRequire(import.meta.url)("node-opcua");
const { OPCUAClient, AttributeIds, DataType, TimestampsToReturn, Variant, makeBrowsePath } = opcua;
const [endpoint, namespace, station, prefix] = process.argv.slice(2);

const client = OPCUAClient.create({
  endpointMustExist: false,
  connectionStrategy: { maxRetry: 0, initialDelay: 50 },
});
await client.connect(endpoint);
const session = await client.createSession();
const ns = (await session.readNamespaceArray()).indexOf(namespace);
const id = (name) => `ns=${ns};s=${name}`;
const report = { nodes: {}, writes: {} };

async function readValue(nodeId) {
  return session.read({ nodeId, attributeId: AttributeIds.Value });
}

const folder = await session.browse(id(station));
for (const reference of folder.references) {
  const name = reference.browseName.name;
  const seen = { type: reference.typeDefinition.toString() };
  const value = await readValue(reference.nodeId);
  seen.value = value.value.value;
  seen.dataType = DataType[value.value.dataType];
  seen.status = value.statusCode.name;
  seen.stamped = value.sourceTimestamp !== null;
  const text = await session.read({ nodeId: reference.nodeId, attributeId: AttributeIds.Description });
  seen.description = text.value.value?.text ?? null;
  const properties = await session.browse({
    nodeId: reference.nodeId, referenceTypeId: "HasProperty", browseDirection: 0, resultMask: 63,
  });
  for (const property of properties.references) {
    const held = (await readValue(property.nodeId)).value.value;
    const key = property.browseName.name;
    if (key === "EURange") seen.range = [held.low, held.high];
    else if (key === "EngineeringUnits") {
      const known = Object.values(opcua.standardUnits).find((u) => u.unitId === held.unitId);
      seen.unit = { id: held.unitId, symbol: held.displayName.text, known: known?.displayName.text ?? null,
        meaning: known?.description.text ?? null };
    } else seen[key] = Array.isArray(held) ? held.map((t) => t.text) : held.text;
  }
  report.nodes[name] = seen;
}

const found = await session.translateBrowsePath(makeBrowsePath("ObjectsFolder", `/${ns}:${station}/${ns}:${prefix}&.HEART`)); // a bare dot separates names
report.path = found.targets[0].targetId.toString() === id(`${prefix}.HEART`);

const subscription = await session.createSubscription2({
  requestedPublishingInterval: 50, requestedLifetimeCount: 200, requestedMaxKeepAliveCount: 20, publishingEnabled: true,
});
const beats = [];
const item = await subscription.monitor(
  { nodeId: id(`${prefix}.HEART`), attributeId: AttributeIds.Value },
  { samplingInterval: 50, queueSize: 10, discardOldest: true }, TimestampsToReturn.Both,
);
item.on("changed", (dataValue) => beats.push(dataValue.value.value));
await new Promise((resolve) => setTimeout(resolve, 1300));
await subscription.terminate();
report.beats = beats;

function element(name, dataType, value) {
  return { nodeId: id(`${prefix}.${name}`), attributeId: AttributeIds.Value, value: { value: new Variant({ dataType, value }) } };
}
async function ticket(ahead = 1, behind = 0) {
  const seq = (await readValue(id(`${prefix}.SEQ`))).value.value;
  const beat = (await readValue(id(`${prefix}.HEART`))).value.value;
  return [element("WRITE.SEQ", DataType.Int32, (seq + ahead) % 65536), element("WRITE.BEAT", DataType.Int32, beat - behind)];
}
async function write(label, elements) {
  const codes = await session.write(elements);
  const held = (await readValue(id(`${prefix}.SP`))).value.value;
  report.writes[label] = { codes: codes.map((c) => c.name), held };
}
const sp = (value) => element("SP", DataType.Double, value);
await write("without ticket", [sp(30)]);
await write("with ticket", [...(await ticket()), sp(31)]);
await write("used number", [...(await ticket(0)), sp(32)]);
await write("old heartbeat", [...(await ticket(1, 30)), sp(33)]);
await write("out of range", [...(await ticket()), sp(1000), element("RESET", DataType.Int32, 3)]);
await write("wrong type", [...(await ticket()), element("SP", DataType.Int32, 34)]);
await write("read-only", [...(await ticket()), element("PV", DataType.Double, 1), sp(35)]);

console.log(JSON.stringify(report));
await session.close();
await client.disconnect();
process.exit(0);
