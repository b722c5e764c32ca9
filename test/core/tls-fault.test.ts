import { expect, it } from "vitest";
import { nextStepAfter } from "../../src/next-step.ts";

it.each([
  ["DEPTH_ZERO_SELF_SIGNED_CERT", /NODE_EXTRA_CA_CERTS/],
  ["INVALID_PURPOSE", /NODE_EXTRA_CA_CERTS/],
  ["UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY", /NODE_EXTRA_CA_CERTS/],
  ["ERR_TLS_CERT_ALTNAME_INVALID", /NODE_EXTRA_CA_CERTS/],
  ["CERT_HAS_EXPIRED", /clock of this machine/],
  ["ERR_SSL_WRONG_VERSION_NUMBER", /speaks no TLS/],
  ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", /speaks no TLS/],
  ["ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL", /speaks no TLS/],
  ["ERR_SSL_SSL_TLS_ALERT_HANDSHAKE_FAILURE", /speaks no TLS/],
  ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", /client certificate of this process/],
  ["ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED", /client certificate of this process/],
  ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", /client certificate of this process/],
  ["proxy_DEPTH_ZERO_SELF_SIGNED_CERT", /check the proxy/],
  ["proxy_ERR_SSL_WRONG_VERSION_NUMBER", /check the proxy/],
  ["EPROTO", /network/],
])("what to do after %s names what to look at", (code, step) => {
  expect(nextStepAfter({ code, status: null })).toMatch(step);
});
