// Tries to get into a secured PLC in several ways; prints {way: "in" | reason} as JSON.
// Orders come as JSON on standard input: no secret stands in an argument.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const opcua = createRequire(import.meta.url)("node-opcua");
const { OPCUAClient, OPCUACertificateManager, AttributeIds, MessageSecurityMode, SecurityPolicy, UserTokenType } = opcua;
const orders = JSON.parse(readFileSync(0, "utf8"));

function split(name) {
  const text = readFileSync(join(orders.folder, `${name}.pem`), "utf8");
  const [key, certificate] = text.split(/(?=-----BEGIN CERTIFICATE)/);
  const files = [`${name}.key.pem`, `${name}.cert.pem`].map((file) => join(process.env.HOME, file));
  writeFileSync(files[0], key, { mode: 0o600 });
  writeFileSync(files[1], certificate);
  return { privateKeyFile: files[0], certificateFile: files[1] };
}

async function attempt(options, identity) {
  const clientCertificateManager = new OPCUACertificateManager({
    rootFolder: join(process.env.HOME, `pki${Math.random()}`), automaticallyAcceptUnknownCertificate: true,
  });
  await clientCertificateManager.initialize();
  const client = OPCUAClient.create({
    applicationName: "intruder", applicationUri: orders.uri, endpointMustExist: false, clientCertificateManager,
    connectionStrategy: { maxRetry: 0, initialDelay: 50 }, transportTimeout: 5000, requestedSessionTimeout: 10000, ...options,
  });
  const limit = new Promise((_, reject) => setTimeout(() => reject(new Error("no answer")), 9000).unref());
  try {
    return await Promise.race([limit, (async () => {
      await client.connect(orders.endpoint);
      const session = await client.createSession(identity);
      const ns = (await session.readNamespaceArray()).indexOf(orders.namespace);
      const value = await session.read({ nodeId: `ns=${ns};s=${orders.node}`, attributeId: AttributeIds.Value });
      await session.close();
      return value.statusCode.name.startsWith("Good") ? "in" : value.statusCode.name;
    })()]);
  } catch (error) {
    return String(error.message).split("\n")[0] || "refused";
  } finally {
    client.disconnect().catch(() => {});
  }
}

const secured = { securityMode: MessageSecurityMode.SignAndEncrypt, securityPolicy: SecurityPolicy.Aes256_Sha256_RsaPss };
const user = { type: UserTokenType.UserName, userName: orders.user, password: orders.password };
const anonymous = { type: UserTokenType.Anonymous };
const friend = split("friend");
const stranger = split("stranger");
const report = {};
report["friend"] = await attempt({ ...secured, ...friend }, user);
report["anonymous in the clear"] = await attempt({}, anonymous);
report["password in the clear"] = await attempt({}, user);
report["untrusted certificate"] = await attempt({ ...secured, ...stranger }, user);
report["wrong password"] = await attempt({ ...secured, ...friend }, { ...user, password: "guess" });
report["anonymous with the right certificate"] = await attempt({ ...secured, ...friend }, anonymous);
report["signed only"] = await attempt({ ...secured, securityMode: MessageSecurityMode.Sign, ...friend }, user);
console.log(JSON.stringify(report));
process.exit(0);
