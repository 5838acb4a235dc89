/** The container that holds a Pod's namespaces. */
export const PAUSE_IMAGE = 'registry.k8s.io/pause:3.10';

/** A small image for steps and helpers, in place of Docker Hub's of the same name. */
export const BUSYBOX_IMAGE = 'docker.io/library/busybox:1.36';
