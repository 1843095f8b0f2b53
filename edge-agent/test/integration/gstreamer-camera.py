#!/usr/bin/python3
"""A foreign RTSP camera for tests: GStreamer's server on 127.0.0.1. Prints its port; ends when its standard input ends.

usage: gstreamer-camera.py [--port N] [--user NAME --password WORD] [--codec h264|h265|mjpeg] [--transport tcp|udp]
"""

import argparse
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402

ENCODERS = {
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! rtph264pay name=pay0 pt=96 config-interval=1",
    "h265": "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=15 ! rtph265pay name=pay0 pt=96 config-interval=1",
    "mjpeg": "jpegenc ! rtpjpegpay name=pay0 pt=26",
}

parser = argparse.ArgumentParser()
parser.add_argument("--port", default="0")
parser.add_argument("--user")
parser.add_argument("--password")
parser.add_argument("--codec", choices=ENCODERS, default="h264")
parser.add_argument("--transport", choices=["tcp", "udp"])
options = parser.parse_args()

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(options.port)

factory = GstRtspServer.RTSPMediaFactory()
factory.set_shared(True)
factory.set_launch(
    "( videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=640,height=360,framerate=15/1 ! "
    + ENCODERS[options.codec]
    + " )"
)
if options.transport:
    factory.set_protocols(
        GstRtsp.RTSPLowerTrans.TCP if options.transport == "tcp" else GstRtsp.RTSPLowerTrans.UDP
    )

if options.user:
    role = "watcher"
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", role)
    auth.add_digest(options.user, options.password, token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role(role, "media.factory.access", True)
    permissions.add_permission_for_role(role, "media.factory.construct", True)
    factory.set_permissions(permissions)


# Counted by tests that check how often a camera is asked.
server.connect("client-connected", lambda *_: print("client", flush=True))
server.get_mount_points().add_factory("/cam", factory)
if server.attach(None) == 0:
    sys.exit("the port is taken")
loop = GLib.MainLoop()


def end_with_the_test():
    sys.stdin.read()
    GLib.idle_add(loop.quit)


threading.Thread(target=end_with_the_test, daemon=True).start()
print("port", server.get_bound_port(), flush=True)
loop.run()
