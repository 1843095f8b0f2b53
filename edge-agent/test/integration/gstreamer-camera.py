#!/usr/bin/python3
"""A foreign RTSP camera for tests: GStreamer's server on 127.0.0.1. Prints its port; ends when its standard input ends.

usage: gstreamer-camera.py [--port N] [--user NAME --password WORD] [--codec h264|h265|mjpeg|none] [--transport tcp|udp]
       gstreamer-camera.py --movie PATH --cameras N

The second form encodes nothing, so that it costs little beside what is measured: PATH is an H.264 byte stream with access
unit delimiters, sent again and again at 25 fps, at /cam0, /cam1 ..., each from when its first client comes.
"""

import argparse
import pathlib
import re
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
    # Sound alone.
    "none": None,
}

parser = argparse.ArgumentParser()
parser.add_argument("--port", default="0")
parser.add_argument("--user")
parser.add_argument("--password")
parser.add_argument("--codec", choices=ENCODERS, default="h264")
parser.add_argument("--transport", choices=["tcp", "udp"])
parser.add_argument("--movie", type=pathlib.Path)
parser.add_argument("--cameras", type=int)
options = parser.parse_args()

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(options.port)



def new_factory(pipeline):
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_shared(True)
    factory.set_launch("( " + pipeline + " )")
    if options.transport:
        factory.set_protocols(
            GstRtsp.RTSPLowerTrans.TCP if options.transport == "tcp" else GstRtsp.RTSPLowerTrans.UDP
        )
    return factory


def drawn_camera():
    if options.codec == "none":
        return new_factory("audiotestsrc is-live=true ! audioconvert ! mulawenc ! rtppcmupay name=pay0 pt=0")
    return new_factory(
        "videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=640,height=360,framerate=15/1 ! "
        + ENCODERS[options.codec]
    )


class MovieCamera:
    FPS = 25
    TICK_MS = 10

    def __init__(self, pictures):
        self.pictures = pictures
        self.factory = new_factory(
            "appsrc name=movie is-live=true format=time"
            f" caps=video/x-h264,stream-format=byte-stream,alignment=au,framerate={self.FPS}/1"
            " ! rtph264pay name=pay0 pt=96 config-interval=1"
        )
        self.factory.connect("media-configure", lambda _, media: self.play(media))

    def play(self, media):
        source = media.get_element().get_by_name("movie")
        state = {"sent": 0, "start": None}
        timer = GLib.timeout_add(self.TICK_MS, lambda: self.send_due(source, state))
        media.connect("unprepared", lambda _: GLib.source_remove(timer))

    def send_due(self, source, state):
        now = source.get_current_running_time()
        if now == Gst.CLOCK_TIME_NONE:
            return GLib.SOURCE_CONTINUE
        if state["start"] is None:
            state["start"] = now
        while state["start"] + state["sent"] * Gst.SECOND // self.FPS <= now:
            picture = Gst.Buffer.new_wrapped(self.pictures[state["sent"] % len(self.pictures)])
            picture.pts = picture.dts = state["start"] + state["sent"] * Gst.SECOND // self.FPS
            picture.duration = Gst.SECOND // self.FPS
            source.emit("push-buffer", picture)
            state["sent"] += 1
        return GLib.SOURCE_CONTINUE


def movie_cameras():
    delimiter = rb"(?=\x00\x00\x00\x01\x09)"
    pictures = [part for part in re.split(delimiter, options.movie.read_bytes()) if part]
    return {f"/cam{number}": MovieCamera(pictures).factory for number in range(options.cameras)}


factories = movie_cameras() if options.movie else {"/cam": drawn_camera()}

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
    for factory in factories.values():
        factory.set_permissions(permissions)


# Counted by tests that check how often a camera is asked.
server.connect("client-connected", lambda *_: print("client", flush=True))
for path, factory in factories.items():
    server.get_mount_points().add_factory(path, factory)
if server.attach(None) == 0:
    sys.exit("the port is taken")
loop = GLib.MainLoop()


def end_with_the_test():
    sys.stdin.read()
    GLib.idle_add(loop.quit)


threading.Thread(target=end_with_the_test, daemon=True).start()
print("port", server.get_bound_port(), flush=True)
loop.run()
