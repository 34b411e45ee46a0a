# Makes the vectors of usersig_test.go with Python's zlib, hmac and base64 and
# openssl's ECDSA. Run it in this directory; ECDSA signatures differ each time.
import base64, hashlib, hmac, json, struct, subprocess, zlib


def pack(o):
    text = base64.b64encode(zlib.compress(json.dumps(o).encode())).decode()
    return text.replace("+", "*").replace("/", "-").replace("=", "_")


def shared(key, user, app, time, expire, buf=None):
    lines = f"TLS.identifier:{user}\nTLS.sdkappid:{app}\nTLS.time:{time}\nTLS.expire:{expire}\n"
    o = {"TLS.ver": "2.0", "TLS.identifier": user, "TLS.sdkappid": app, "TLS.expire": expire, "TLS.time": time}
    if buf:
        o["TLS.userbuf"] = base64.b64encode(buf).decode()
        lines += f"TLS.userbuf:{o['TLS.userbuf']}\n"
    o["TLS.sig"] = base64.b64encode(hmac.new(key.encode(), lines.encode(), hashlib.sha256).digest()).decode()
    return pack(o)


def ec(pem, user, app, at3rd, account, time, expire, buf=None):
    o = {"TLS.appid_at_3rd": at3rd, "TLS.account_type": account, "TLS.identifier": user, "TLS.sdk_appid": str(app),
         "TLS.time": str(time), "TLS.expire_after": str(expire)}
    if buf:
        o["TLS.userbuf"] = base64.b64encode(buf).decode()
    lines = "".join(f"{k}:{v}\n" for k, v in o.items())
    sig = subprocess.run(["openssl", "dgst", "-sha256", "-sign", pem], input=lines.encode(), capture_output=True, check=True).stdout
    o["TLS.sig"] = base64.b64encode(sig).decode()
    o["TLS.version"] = "201512300000"
    return pack(o)


app, now = 1400000001, 1767323045
may = b"\0" + struct.pack(">H", 6) + b"user_1" + struct.pack(">IIIII", app, 4711, now + 3600, 255, 0)
print(shared("hutong-known-answer-key", "user_1", app, now, 2592000))
print(shared("hutong-known-answer-key", "user_1", app, now, 3600, may))
print(ec("k1.pem", "user_1", app, str(app), "36862", now, 2592000))
print(ec("k1.pem", "user_1", app, "0", "0", now, 3600, may))
print(ec("p.pem", "user_1", app, "0", "0", now, 2592000))
