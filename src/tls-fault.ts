/**
 * What kind of TLS fault a code of OpenSSL or Node names.
 *
 * @module
 */

/**
 * - `certificate`: the server's is not accepted here;
 * - `clientCertificate`: the server does not accept the one of this process, or there is none;
 * - `protocol`: the two find no common version, cipher or protocol, or the server speaks no TLS.
 */
export type TlsFault = "certificate" | "clientCertificate" | "protocol";

/** What OpenSSL and Node find when they verify the certificate of a server, or the lists of revoked ones. */
const ofVerifying: ReadonlySet<string> = new Set(
  (
    "UNABLE_TO_GET_ISSUER_CERT UNABLE_TO_GET_ISSUER_CERT_LOCALLY UNABLE_TO_GET_CRL UNABLE_TO_DECRYPT_CERT_SIGNATURE " +
    "UNABLE_TO_DECRYPT_CRL_SIGNATURE UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY UNABLE_TO_VERIFY_LEAF_SIGNATURE " +
    "CERT_SIGNATURE_FAILURE CRL_SIGNATURE_FAILURE CERT_NOT_YET_VALID CERT_HAS_EXPIRED CRL_NOT_YET_VALID CRL_HAS_EXPIRED " +
    "ERROR_IN_CERT_NOT_BEFORE_FIELD ERROR_IN_CERT_NOT_AFTER_FIELD ERROR_IN_CRL_LAST_UPDATE_FIELD " +
    "ERROR_IN_CRL_NEXT_UPDATE_FIELD DEPTH_ZERO_SELF_SIGNED_CERT SELF_SIGNED_CERT_IN_CHAIN CERT_CHAIN_TOO_LONG CERT_REVOKED " +
    "INVALID_CA PATH_LENGTH_EXCEEDED INVALID_PURPOSE CERT_UNTRUSTED CERT_REJECTED HOSTNAME_MISMATCH " +
    "ERR_TLS_CERT_ALTNAME_INVALID ERR_TLS_CERT_ALTNAME_FORMAT"
  ).split(" "),
);

/** Alerts about the certificate of a client, which only a server sends. */
const ofClient =
  /^ERR_SSL_.*_ALERT_(?:BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_[A-Z]+|NO_CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)$/;

/** The kind; `undefined`: no TLS fault that is known. */
export function tlsFaultOf(code: string): TlsFault | undefined {
  if (ofVerifying.has(code)) return "certificate";
  if (ofClient.test(code)) return "clientCertificate";
  if (/^ERR_(?:SSL|TLS)_/.test(code)) return code.includes("CERT") ? "certificate" : "protocol";
  return undefined;
}

/** Alerts and errors that come from a handshake alone, before anything else is written. */
const ofHandshake =
  /^ERR_SSL_(?:.*_ALERT_(?:HANDSHAKE_FAILURE|PROTOCOL_VERSION|INSUFFICIENT_SECURITY|NO_APPLICATION_PROTOCOL)|.*UNRECOGNIZED_NAME|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS_AVAILABLE|NO_CIPHERS_AVAILABLE)$/;

/**
 * Whether the code alone proves that a handshake was not completed. An alert about a client's certificate does not: in
 * TLS 1.3 it comes after this side has finished its part, and a request may have been written.
 */
export function isOfHandshake(code: string): boolean {
  return ofHandshake.test(code) || ofVerifying.has(code);
}
